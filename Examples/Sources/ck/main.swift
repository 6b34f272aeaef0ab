print("ck: to be written")
