/// Why the command ends without doing what it was asked.
struct CommandFailure: Error {
    var message: String
    /// The exit status of the command.
    var status: Int32 = 1

    init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }
}
