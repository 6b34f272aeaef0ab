internal import LinuxSystem

/// The cgroups of a container whose processes another program restores into them.
package enum RestoredCgroups {
    /// Makes them with their limits; those that are there, as engines make them, are taken.
    /// - Throws: as a launch; what was made is removed.
    package static func make(_ plan: CgroupPlan?) throws(LaunchFailure) -> [ContainerCgroup] {
        try PreparedCgroups(plan, adopts: true).cgroups
    }
}
