import SystemPackage

/// What `#require` does, for values that cannot be copied.
/// - Throws: `Errno.noData` where there is none.
func present<Value: ~Copyable>(_ value: consuming Value?) throws(Errno) -> Value {
    switch consume value {
    case .some(let value): return value
    case .none: throw .noData
    }
}
