import Glibc

/// Process id of the tests.
func getpidOfTests() -> Int32 { getpid() }
