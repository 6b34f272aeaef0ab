internal import CLinux

/// A NULL-terminated table of C strings for execve(2), made before the filter is loaded; the child that made it either
/// becomes another program or ends, so it frees nothing. Who lent it memory does.
@safe struct CStringTable {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    init(_ strings: [String]) {
        unsafe pointer = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { unsafe pointer[index] = strdup(string) }
        unsafe pointer[strings.count] = nil
    }

    func deallocate() {
        var next = unsafe pointer
        while let string = unsafe next.pointee {
            unsafe free(string)
            unsafe next += 1
        }
        unsafe pointer.deallocate()
    }
}
