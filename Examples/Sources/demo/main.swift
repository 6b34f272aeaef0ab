print("demo: to be written")
