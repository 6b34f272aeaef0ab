import Glibc

/// PATH of this program.
enum SearchPath {
    static var value: String {
        get { getenv("PATH").map { String(cString: $0) } ?? "" }
        set { setenv("PATH", newValue, 1) }
    }
}
