internal import CLinux
package import SystemPackage

/// A pipe, close-on-exec. See: man 2 pipe.
package struct Pipe: ~Copyable {
    package let reading: OwnedDescriptor
    package let writing: OwnedDescriptor

    /// - Parameter writesBlock: whether a writer waits while the pipe is full, instead of failing.
    /// - Throws: `Errno.tooManyOpenFiles`.
    package init(writesBlock: Bool = true) throws(Errno) {
        var ends: [CInt] = [-1, -1]
        try check(ck_pipe2(&ends, O_CLOEXEC))
        let reading = OwnedDescriptor(ends[0])
        let writing = OwnedDescriptor(ends[1])
        if !writesBlock { try check(ck_fcntl(writing.rawValue, F_SETFL, Int(O_NONBLOCK))) }
        self.reading = reading
        self.writing = writing
    }
}
