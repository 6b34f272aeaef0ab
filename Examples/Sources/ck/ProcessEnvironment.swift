import Glibc

/// This program's own environment.
enum ProcessEnvironment {
    static subscript(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
