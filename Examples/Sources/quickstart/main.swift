print("quickstart: to be written")
