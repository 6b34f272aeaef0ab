internal import OCIModel
internal import RuntimeChild

/// Which devices may be made and opened: a list on v1, a program on v2. See: cgroup-v1/devices.rst.
enum DevicesController {
    static func apply(_ configured: [RuntimeConfiguration.DeviceRule], to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let rules = try DeviceRule.rules(configured)
        if let hierarchy = builder.host.hierarchy(of: "devices") {
            for (file, value) in try legacyWrites(rules) {
                builder.write(value, to: file, in: hierarchy, field: "linux.resources.devices")
            }
        } else if let hierarchy = builder.host.unified {
            builder.filterDevices(DeviceProgram(rules).bytes, in: hierarchy)
        } else {
            throw .hostLacks(
                "linux.resources.devices", "the host has neither the devices controller of cgroup v1 nor cgroup v2",
                advice: "Mount one: `mount -t cgroup -o devices devices /sys/fs/cgroup/devices`.")
        }
    }

    /// The writes that make v1's list answer as the rules do. The kernel keeps a default and exceptions to it; an exception can
    /// be taken back only as it was given, so a denial of a part of it is refused rather than lost.
    static func legacyWrites(_ rules: [DeviceRule]) throws(RuntimeError) -> [(file: String, value: String)] {
        let start = rules.lastIndex { $0.isEverything } ?? 0
        let base = rules.isEmpty ? false : rules[start].allow
        var exceptions: [DeviceRule] = []
        for rule in rules.dropFirst(start + 1) {
            // The kernel's "a" ignores numbers and letters: both kinds are named.
            let parts = rule.isBlock == nil ? [true, false].map { isBlock in rule.with(isBlock: isBlock) } : [rule]
            for part in parts {
                if part.allow != base {
                    exceptions.append(part)
                    continue
                }
                for index in exceptions.indices.reversed() where exceptions[index].overlaps(part) {
                    guard exceptions[index].covered(by: part) else {
                        throw .invalid(
                            "linux.resources.devices",
                            "the rule \(part.legacyText) takes back a part of \(exceptions[index].legacyText), which cgroup v1 cannot express",
                            advice: "List the devices one by one instead of by a wildcard.")
                    }
                    exceptions[index].access.subtract(part.access)
                    if exceptions[index].access.isEmpty { exceptions.remove(at: index) }
                }
            }
        }
        let file = base ? "devices.deny" : "devices.allow"
        var seen: Set<String> = []
        return [(base ? "devices.allow" : "devices.deny", "a")]
            + exceptions.map { (file, $0.legacyText) }.filter { seen.insert($0.1).inserted }
    }
}

extension DeviceRule {
    /// `c 1:3 rwm`.
    fileprivate var legacyText: String {
        let type = isBlock.map { $0 ? "b" : "c" } ?? "a"
        return "\(type) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*") \(access.letters)"
    }

    fileprivate func with(isBlock: Bool) -> DeviceRule {
        var rule = self
        rule.isBlock = isBlock
        return rule
    }

    /// Whether every device of this rule is also one of the other.
    fileprivate func covered(by other: DeviceRule) -> Bool {
        (other.isBlock == nil || other.isBlock == isBlock) && (other.major == nil || other.major == major)
            && (other.minor == nil || other.minor == minor)
    }
}
