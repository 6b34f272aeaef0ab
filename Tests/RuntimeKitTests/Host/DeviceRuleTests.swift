import OCIModel
import RuntimeChild
import TestSupport
import Testing

@testable import RuntimeKit

/// Rules on devices: the list of version 1, and the program of version 2, which a small machine runs here.
@Suite struct DeviceRuleTests {
    typealias Rule = RuntimeConfiguration.DeviceRule

    private func legacy(_ rules: [Rule]) throws -> [String] {
        try DevicesController.legacyWrites(try DeviceRule.rules(rules)).map { "\($0.file)=\($0.value)" }
    }

    @Test func withoutRulesOnlyTheDefaultDevicesAreAllowed() throws {
        let writes = try legacy([])
        #expect(writes.first == "devices.deny=a")
        #expect(writes.contains("devices.allow=c 1:3 rwm") && writes.contains("devices.allow=c 136:* rwm"))
        #expect(writes.contains("devices.allow=b *:* m"))
        #expect(writes.count == 12)
    }

    @Test func allowingEverythingStartsFromThere() throws {
        #expect(
            try legacy([Rule(allow: true), Rule(allow: false, type: "b", major: 8, minor: 0)]) == [
                "devices.allow=a", "devices.deny=b 8:0 rw",
            ])
    }

    @Test func whatIsTakenBackIsNotWritten() throws {
        let writes = try legacy([Rule(allow: true, type: "c", major: 10, minor: 229), Rule(allow: false, type: "c", major: 10)])
        #expect(!writes.contains { $0.contains("10:") })
    }

    @Test func aPartOfAWildcardCannotBeTakenBack() throws {
        let rules = [Rule(allow: true, type: "c", major: 10), Rule(allow: false, type: "c", major: 10, minor: 229)]
        let error = #expect(throws: RuntimeError.self) { try legacy(rules) }
        #expect(error?.subject == .field("linux.resources.devices"))
        // The program of version 2 can.
        let machine = try DeviceMachine(rules)
        #expect(machine.allows(block: false, 10, 1, 2) && !machine.allows(block: false, 10, 229, 2))
    }

    @Test func theLastRuleThatNamesADeviceAndAnAccessDecides() throws {
        let machine = try DeviceMachine([
            Rule(allow: false, access: "rwm"), Rule(allow: true, type: "b", major: 8, access: "r"),
            Rule(allow: false, type: "b", major: 8, minor: 1, access: "r"), Rule(allow: true, type: "c", access: "w"),
            Rule(allow: false, type: "c", major: 7, access: "w"),
        ])
        #expect(machine.allows(block: true, 8, 0, 2))
        #expect(!machine.allows(block: true, 8, 0, 6), "read is allowed, write is not, and both were asked")
        #expect(!machine.allows(block: true, 8, 1, 2))
        #expect(machine.allows(block: false, 9, 9, 4))
        #expect(!machine.allows(block: false, 7, 9, 4))
        #expect(machine.allows(block: false, 7, 9, 1), "nodes may be made")
        #expect(machine.allows(block: false, 1, 3, 7), "/dev/null is everybody's")
    }

    /// Every rule list of a small world against its meaning.
    @Test func theProgramMeansWhatTheListSays() throws {
        var random = SeededGenerator(7)
        for _ in 0..<400 {
            let rules = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                Rule(
                    allow: .random(using: &random), type: ["a", "b", "c"].randomElement(using: &random),
                    major: [nil, 1, 2].randomElement(using: &random) ?? nil, minor: [nil, 1, 2].randomElement(using: &random) ?? nil,
                    access: ["r", "w", "m", "rw", "rwm", "wm"].randomElement(using: &random))
            }
            let resolved = try DeviceRule.rules(rules)
            let machine = try DeviceMachine(rules)
            for block in [true, false] {
                for major in UInt32(1)...3 {
                    for minor in UInt32(1)...3 {
                        for access in UInt8(1)...7 {
                            let expected = [1, 2, 4].filter { access & $0 != 0 }.allSatisfy { (bit: UInt8) in
                                resolved.last {
                                    ($0.isBlock ?? block) == block && ($0.major ?? major) == major && ($0.minor ?? minor) == minor
                                        && $0.access.rawValue & bit != 0
                                }?.allow ?? false
                            }
                            let answer = machine.allows(block: block, major, minor, UInt32(access))
                            if answer != expected { Issue.record("\(rules) \(block) \(major):\(minor) \(access): \(answer)") }
                        }
                    }
                }
            }
        }
    }
}

/// The part of the kernel's extended machine that a device filter uses.
struct DeviceMachine {
    let bytes: [UInt8]

    init(_ rules: [RuntimeConfiguration.DeviceRule]) throws { bytes = DeviceProgram(try DeviceRule.rules(rules)).bytes }

    func allows(block: Bool, _ major: UInt32, _ minor: UInt32, _ access: UInt32) -> Bool {
        let context = [access << 16 | (block ? 1 : 2), major, minor]
        var registers = [UInt64](repeating: 0xdead, count: 11)
        var position = 0
        while position * 8 < bytes.count {
            let start = position * 8
            let target = Int(bytes[start + 1] & 15)
            let source = Int(bytes[start + 1] >> 4)
            let offset = Int(Int16(truncatingIfNeeded: Int(bytes[start + 2]) | Int(bytes[start + 3]) << 8))
            let immediate = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + 4 + $1]) << UInt32(8 * $1) }
            let value = UInt64(bitPattern: Int64(Int32(bitPattern: immediate)))
            position += 1
            switch bytes[start] {
            case 0x61: registers[target] = UInt64(context[offset / 4])
            case 0xbf: registers[target] = registers[source]
            case 0xb7: registers[target] = value
            case 0x57: registers[target] &= value
            case 0x77: registers[target] >>= value
            case 0x55: if registers[target] != value { position += offset }
            case 0x15: if registers[target] == value { position += offset }
            case 0x95: return registers[0] == 1
            default: return false
            }
        }
        return false
    }
}
