internal import CLinux
package import SystemPackage

/// A pipe, close-on-exec. See: man 2 pipe.
package struct Pipe: Sendable {
    package let reading: SharedDescriptor
    package let writing: SharedDescriptor

    /// - Throws: `Errno.tooManyOpenFiles`.
    package init() throws(Errno) {
        var ends: [CInt] = [-1, -1]
        try check(ck_pipe2(&ends, O_CLOEXEC))
        reading = SharedDescriptor(OwnedDescriptor(ends[0]))
        writing = SharedDescriptor(OwnedDescriptor(ends[1]))
    }
}
