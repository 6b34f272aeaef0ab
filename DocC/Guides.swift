// The documentation target holds articles only. See `ContainerKitGuide.docc`.
