# make demo     pull, run and remove containers on this machine, without the internet
# make test     everything a change has to pass; as root also the tests that make real containers
# make check    format, imports, lengths: what needs no build
# make bench    all benchmark scenarios, into Benchmarks/Results/latest.json
# make chaos    500 kills of host programs, helpers and supervisors, and 200 of pulls, at random instants; as root, about half an hour
# make fuzz     a minute for each fuzz target
# make engines Podman, containerd and Docker drive ckrun; as root
# make docs     the documentation, into .build/documentation
# make format   rewrites the sources in the project's format

.PHONY: demo test check bench docs format guest chaos fuzz engines

demo:
	@.ci/install demo
	@.ci/demo

test:
	@.ci/install all
	@.ci/test

check:
	@.ci/check-format
	@.ci/check-imports
	@.ci/check-length
	@.ci/check-leaks-checked
	@.ci/check-promises

bench:
	@.ci/install all
	@Benchmarks/run

chaos:
	@.ci/install all
	@swift build --build-tests
	@CONTAINERKIT_CHAOS_KILLS=$${CONTAINERKIT_CHAOS_KILLS:-500} CONTAINERKIT_STORE_KILLS=$${CONTAINERKIT_STORE_KILLS:-200} swift test --skip-build --no-parallel --filter ChaosTests

# A failure prints its seed: CONTAINERKIT_FUZZ_SEED=… CONTAINERKIT_FUZZ_SECONDS=0 repeats it.
fuzz:
	@.ci/install all
	@swift build --build-tests
	@CONTAINERKIT_FUZZ_SECONDS=$${CONTAINERKIT_FUZZ_SECONDS:-60} swift test --skip-build --no-parallel --filter FuzzTests

engines:
	@.ci/install engines
	@.ci/engines "$$(.ci/build-static ckrun)"

docs:
	@.ci/install build
	@.ci/docs

# The same containers in a virtual machine with cgroup v2 only, and services that have some in one with systemd; and cuts of its power while
# it pulls, CONTAINERKIT_POWER_CUTS of them.
guest:
	@.ci/install all
	@Tests/Guest/run
	@Tests/Guest/tests
	@Tests/Guest/containers
	@Tests/Guest/systemd
	@Tests/Guest/power-cuts $${CONTAINERKIT_POWER_CUTS:-3}

format:
	@find Package.swift Sources Tests Examples Benchmarks DocC -name '.build*' -prune -o -name '*.swift' -print0 | xargs -0 swift format -i --parallel
