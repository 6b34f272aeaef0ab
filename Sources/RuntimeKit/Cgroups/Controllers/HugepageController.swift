internal import OCIModel

/// Huge pages. See: cgroup-v2.rst "HugeTLB".
enum HugepageController {
    static func apply(_ limits: [RuntimeConfiguration.HugepageLimit], to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        var seen: Set<String> = []
        for (index, limit) in limits.enumerated() {
            let field = "linux.resources.hugepageLimits[\(index)]"
            let digits = limit.pageSize.prefix { ("0"..."9").contains($0) }
            guard !digits.isEmpty, !digits.hasPrefix("0"), ["KB", "MB", "GB"].contains(String(limit.pageSize.dropFirst(digits.count)))
            else {
                throw .invalid(field + ".pageSize", "\"\(limit.pageSize)\" is no size like `2MB`")
            }
            guard seen.insert(limit.pageSize).inserted else { throw .invalid(field + ".pageSize", "\(limit.pageSize) is listed twice") }
            let hierarchy = try builder.require("hugetlb", for: field)
            let file = hierarchy.isUnified ? "max" : "limit_in_bytes"
            builder.write("\(limit.limit)", to: "hugetlb.\(limit.pageSize).\(file)", in: hierarchy, field: field + ".limit")
            // Reservations too, since Linux 5.7: a mapping beyond the limit fails instead of a later access.
            builder.write(
                "\(limit.limit)", to: "hugetlb.\(limit.pageSize).rsvd.\(file)", in: hierarchy, field: field + ".limit", isOptional: true)
        }
    }
}
