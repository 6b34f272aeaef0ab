/// Fields of `criu_opts`, by their numbers in `rpc.proto`.
struct CriuOptions {
    enum Field: Int {
        case images = 1
        case pid = 2
        case leavesRunning = 3
        case externalSockets = 4
        case establishedConnections = 5
        case evasiveDevices = 6
        case shellJob = 7
        case fileLocks = 8
        case logLevel = 9
        case logFile = 10
        case notifies = 12
        case pageServer = 11
        case root = 13
        case parentImages = 14
        case tracksMemory = 15
        case deduplicates = 16
        case work = 17
        case remapsLinks = 18
        case externalMount = 23
        case cgroupRoot = 25
        case restoresSibling = 26
        case inheritedDescriptor = 27
        case cgroupMode = 34
        case external = 37
        case emptyNamespaces = 38
        case freezer = 44
        case skipsConnectionsInFlight = 46
        case lazyPages = 48
        case statusDescriptor = 49
        case orphanTerminal = 50
        case securityProfile = 53
        case securityMountContext = 66
    }

    private(set) var message = ProtocolBuffer()

    mutating func set(_ field: Field, _ number: Int64) { message.add(field.rawValue, number: number) }

    /// False is the default of every flag.
    mutating func set(_ field: Field, _ flag: Bool) { if flag { message.add(field.rawValue, flag: true) } }

    mutating func set(_ field: Field, _ text: String) { message.add(field.rawValue, text: text) }

    /// Adds a pair to a field that is a list of them.
    mutating func add(_ field: Field, _ first: String, _ second: String) {
        var pair = ProtocolBuffer()
        pair.add(1, text: first)
        pair.add(2, text: second)
        message.add(field.rawValue, message: pair)
    }

    /// Sets or adds a text with a number.
    mutating func add(_ field: Field, _ first: String, _ second: Int32) {
        var pair = ProtocolBuffer()
        pair.add(1, text: first)
        pair.add(2, number: Int64(second))
        message.add(field.rawValue, message: pair)
    }
}
