import Glibc

/// Removes an empty directory, if it is one.
func rmdirQuietly(_ path: String) -> Bool { rmdir(path) == 0 }
