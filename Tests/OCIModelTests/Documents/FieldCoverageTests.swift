import SystemPackage
import TestSupport
import Testing

/// The table of fields in the documentation is that of the schema, and each field has a test.
@Suite struct FieldCoverageTests {
    struct Row: Sendable {
        var field: String
        var status: String
        var suite: String
        var test: String
    }

    private static let top = Schema.directory.removingLastComponent().removingLastComponent().removingLastComponent()

    static let rows: [Row] = {
        let text = (try? Files.text(top.appending("DocC/ContainerKitGuide.docc/RuntimeFields.md"))) ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let cells = line.split(separator: "|").map { $0.filter { $0 != "`" }.trimmingSpaces }
            let test = (cells.last ?? "").split(separator: "/").map(String.init)
            return Row(field: cells[0], status: cells[1], suite: test.first ?? "", test: test.last ?? "")
        }
    }()

    @Test func everyFieldOfTheSchemaIsListed() throws {
        var walk = SchemaWalk(directory: Schema.directory.appending("runtime-spec"))
        let fields = try walk.fields(of: "config-schema.json", except: ["solaris", "windows", "vm", "zos", "freebsd"])
        #expect(fields.count > 200)
        let listed = Self.rows.map(\.field)
        #expect(fields.subtracting(listed).sorted() == [], "fields without a row")
        #expect(Set(listed).subtracting(fields).sorted() == [], "rows without a field")
        #expect(Set(listed).count == listed.count, "a field has two rows")
    }

    @Test func everyTestIsThere() throws {
        let found = try Command.run(
            "grep", "-rhE", "--include=*.swift", "^[^ ].*struct [A-Za-z0-9]+|^struct|@Test.* func | func ",
            Self.top.appending("Tests").string)
        var tests: Set<String> = []
        var suite = ""
        for line in found.standardOutput.split(separator: "\n") {
            let words = line.split(whereSeparator: { " (:<{".contains($0) }).map(String.init)
            guard let index = words.firstIndex(where: { $0 == "struct" || $0 == "func" }), index + 1 < words.count else { continue }
            if words[index] == "struct" { suite = words[index + 1] } else { tests.insert("\(suite)/\(words[index + 1])") }
        }
        let missing = Self.rows.filter { !tests.contains("\($0.suite)/\($0.test)") }.map { "\($0.field): \($0.suite)/\($0.test)" }
        #expect(missing == [], "tests that do not exist")
        for row in Self.rows { #expect(["applied", "refused", "not applicable"].contains(row.status), "\(row.field)") }
    }

    /// A field that is refused has a case by its name, or a member above it has.
    @Test func everyRefusalHasItsCase() throws {
        let cases = try Files.text(Self.top.appending("Tests/RuntimeKitTests/Host/RefusedFieldTests.swift"))
        for row in Self.rows where row.test == "isRefusedByName" {
            var names = [row.field.replacing("[]", with: "[0]")]
            while let dot = names[names.count - 1].lastIndex(of: ".") { names.append(String(names[names.count - 1][..<dot])) }
            #expect(
                names.contains { cases.contains("Case(\"\($0)\"") || cases.contains("Case(\"\($0.replacing("[0]", with: ""))\"") },
                "\(row.field)")
        }
    }
}

/// The members that a JSON schema knows, as paths: `a.b[].c`, lists and maps alike.
struct SchemaWalk {
    let directory: FilePath
    private var files: [String: JSONValue] = [:]
    private var found: Set<String> = []

    init(directory: FilePath) { self.directory = directory }

    /// - Parameter except: members whose own members do not count.
    mutating func fields(of file: String, except: Set<String>) throws -> Set<String> {
        found = []
        try walk(try load(file), file, "", except)
        return found
    }

    private mutating func load(_ file: String) throws -> JSONValue {
        if let known = files[file] { return known }
        let value = try JSONValue(try Files.text(directory.appending(file)))
        files[file] = value
        return value
    }

    private mutating func walk(_ schema: JSONValue, _ file: String, _ path: String, _ except: Set<String>) throws {
        guard case .object(let members) = schema else { return }
        if case .string(let reference)? = members["$ref"] {
            let parts = reference.split(separator: "#", omittingEmptySubsequences: false)
            let target = parts[0].isEmpty ? file : String(parts[0])
            var node = try load(target)
            for name in (parts.count > 1 ? parts[1] : "").split(separator: "/") {
                guard case .object(let inner) = node, let next = inner[String(name)] else { return }
                node = next
            }
            return try walk(node, target, path, except)
        }
        for word in ["allOf", "anyOf", "oneOf"] {
            guard case .array(let list)? = members[word] else { continue }
            for schema in list { try walk(schema, file, path, except) }
        }
        if case .object(let properties)? = members["properties"] {
            for (name, schema) in properties {
                let member = path.isEmpty ? name : path + "." + name
                found.insert(member)
                if !except.contains(member) { try walk(schema, file, member, except) }
            }
        }
        if let items = members["items"] { try walk(items, file, path + "[]", except) }
        if case .object(let patterns)? = members["patternProperties"] {
            for schema in patterns.values { try walk(schema, file, path + "[]", except) }
        }
        if let others = members["additionalProperties"] { try walk(others, file, path + "[]", except) }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
