package import SystemPackage

/// Turns the result of a `ck_…` function, which is the negated errno on failure, into a value or a thrown `Errno`.
@discardableResult
package func check(_ result: Int) throws(Errno) -> Int {
    if result < 0 { throw Errno(rawValue: CInt(truncatingIfNeeded: -result)) }
    return result
}

/// As `check`, and calls again as long as a signal interrupts.
@discardableResult
package func retrying(_ call: () -> Int) throws(Errno) -> Int {
    while true {
        let result = call()
        if result == -Int(Errno.interrupted.rawValue) { continue }
        return try check(result)
    }
}
