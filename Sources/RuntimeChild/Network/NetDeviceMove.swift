internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Moves a network interface of the host into a container's network namespace. Its global addresses, which the kernel drops on the way,
/// are set again, and it is switched on. See: runtime-spec config-linux.md, "Network Devices".
enum NetDeviceMove {
    private enum Request {
        static let newLink: UInt16 = 16
        static let getLink: UInt16 = 18
        static let setLink: UInt16 = 19
        static let newAddress: UInt16 = 20
        static let getAddress: UInt16 = 22
    }

    /// - Parameter process: one that is in the container's network namespace.
    /// - Throws: `Errno.operationNotSupportedByDevice` where the host has no such interface, `Errno.fileExists` where the container has one of that name.
    static func run(_ device: NetDevicePlan, to process: SharedDescriptor) throws(Errno) {
        let host = try RouteSocket()
        let container = try RouteSocket(in: process)
        guard let index = try find(device.name, on: host) else { throw .operationNotSupportedByDevice }
        if try find(device.newName, on: container) != nil { throw .fileExists }
        let addresses = try globalAddresses(of: index, on: host)
        let namespace = try OwnedDescriptor.open("/proc/\(try process.hostPid())/ns/net", flags: O_RDONLY)
        var move = link(index)
        // IFLA_NET_NS_FD, IFLA_IFNAME.
        move.append(attribute: 28, UInt32(namespace.rawValue))
        move.append(attribute: 3, device.newName)
        try host.ask(move, Request.setLink)
        guard let inside = try find(device.newName, on: container) else { throw .operationNotSupportedByDevice }
        for address in addresses {
            var message = RouteMessage(address.header)
            message.append(inside)
            for (type, value) in address.attributes { message.append(attribute: type, value) }
            // NLM_F_CREATE, NLM_F_REPLACE.
            try container.ask(message, Request.newAddress, flags: 0x500)
        }
        try container.ask(link(inside, flags: UInt32(IFF_UP.rawValue)), Request.newLink)
    }

    /// `struct ifinfomsg`.
    private static func link(_ index: UInt32, flags: UInt32 = 0) -> RouteMessage {
        var message = RouteMessage(0)
        message.append(index)
        message.append(flags)
        message.append(flags)
        return message
    }

    private static func find(_ name: String, on socket: borrowing RouteSocket) throws(Errno) -> UInt32? {
        var message = link(0)
        message.append(attribute: 3, name)
        do throws(Errno) {
            let answer = try socket.ask(message, Request.getLink)
            return answer.first.map { RouteMessage.number($0[...], 4) }
        } catch {
            if error == .operationNotSupportedByDevice { return nil }
            throw error
        }
    }

    private struct Address {
        /// Family, length of the prefix, flags, scope.
        var header: UInt32
        var attributes: [(UInt16, [UInt8])]
    }

    /// The permanent addresses of global scope.
    private static func globalAddresses(of index: UInt32, on socket: borrowing RouteSocket) throws(Errno) -> [Address] {
        var request = RouteMessage(0)
        request.append(0)
        // NLM_F_DUMP.
        return try socket.ask(request, Request.getAddress, flags: 0x300).compactMap { body in
            // `struct ifaddrmsg`; IFA_F_PERMANENT, RT_SCOPE_UNIVERSE.
            guard body.count >= 8, RouteMessage.number(body[...], 4) == index, body[2] & 0x80 != 0, body[3] == 0 else { return nil }
            let attributes = RouteMessage.attributes(body, after: 8)
            let header = UInt32(body[0]) | UInt32(body[1]) << 8
            // IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST.
            let kept = [1, 2, 4].compactMap { (type: UInt16) in attributes[type].map { (type, $0) } }
            return Address(header: header, attributes: kept)
        }
    }
}
