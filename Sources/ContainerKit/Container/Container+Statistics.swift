public import RuntimeKit

extension Container {
    /// What it uses now and has used, from its cgroup.
    /// - Throws: `.notRunning` once it has ended (see `ProcessExit` then); `.configurationRefused` for one whose maker shared nothing.
    public func statistics() async throws(ContainerError) -> CgroupStatistics {
        if exit != nil { throw ContainerError(.notRunning, .container(id), "it has ended") }
        let directories = supervised.cgroups
        return try await engine.blocking { () throws(ContainerError) in CgroupStatistics(directories: directories) }
    }
}
