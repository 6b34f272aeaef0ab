internal import OCIModel

/// CPUs and memory nodes. See: cgroup-v2.rst "Cpuset", cgroup-v1/cpusets.rst.
enum CpusetController {
    static func apply(_ cpu: RuntimeConfiguration.CPU, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let cpus = cpu.cpus.flatMap { $0.isEmpty ? nil : $0 }
        let mems = cpu.mems.flatMap { $0.isEmpty ? nil : $0 }
        let field = "linux.resources.cpu"
        if let cpus { try NumberList.check(cpus, field: field + ".cpus") }
        if let mems { try NumberList.check(mems, field: field + ".mems") }
        guard cpus != nil || mems != nil else { return }
        let hierarchy = try builder.require("cpuset", for: field + (cpus != nil ? ".cpus" : ".mems"))
        for (file, value, name) in [("cpuset.cpus", cpus, ".cpus"), ("cpuset.mems", mems, ".mems")] {
            if let value {
                builder.write(value, to: file, in: hierarchy, field: field + name)
            } else if !hierarchy.isUnified {
                // An empty cpuset of v1 takes no process: what is not limited is that of the nearest cgroup above.
                builder.write(inherited(file, builder: builder, hierarchy: hierarchy), to: file, in: hierarchy, field: field + name)
            }
        }
    }

    private static func inherited(_ file: String, builder: CgroupPlanBuilder, hierarchy: CgroupHierarchy) -> String {
        var names = builder.path.split(separator: "/").dropLast()
        while true {
            let directory = hierarchy.mountPoint + names.map { "/" + $0 }.joined()
            if let value = HostFile.trimmed(directory + "/" + file), !value.isEmpty { return value }
            if names.popLast() == nil { return "0" }
        }
    }
}

/// Lists of numbers and ranges, `0-3,7`. See: man 7 cpuset, "List format".
enum NumberList {
    /// - Throws: `RuntimeError.Code.invalidField`.
    static func check(_ list: String, field: String) throws(RuntimeError) {
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
            let numbers = bounds.compactMap { bound in bound.utf8.allSatisfy { (48...57).contains($0) } ? UInt16(bound) : nil }
            guard numbers.count == bounds.count, (1...2).contains(numbers.count), numbers[0] <= numbers[numbers.count - 1] else {
                throw .invalid(field, "\"\(list)\" is no list of numbers and ranges like `0-3,7`")
            }
        }
    }
}
