/// Options and words of one verb, as runc takes them: `--name value`, `--name=value`, one dash or two.
struct Arguments {
    /// The values of options, in order.
    private(set) var values: [String: [String]] = [:]
    private(set) var switches: Set<String> = []
    /// What is no option.
    private(set) var words: [String] = []

    /// - Parameters:
    ///   - switches: names of options without a value.
    ///   - valued: names of options with one.
    ///   - aliases: short names.
    ///   - wordsFirst: after so many words everything is a word: the command line of another program.
    init(
        _ arguments: [String], verb: String, switches known: Set<String> = [], valued: Set<String> = [], aliases: [String: String] = [:],
        wordsFirst: Int = .max
    ) throws {
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            if words.count >= wordsFirst || !argument.hasPrefix("-") || argument == "-" {
                words.append(argument)
                continue
            }
            if argument == "--" {
                words += arguments[index...]
                return
            }
            let body = argument.drop { $0 == "-" }
            let equals = body.firstIndex(of: "=")
            let written = String(equals.map { body[..<$0] } ?? body)
            let name = aliases[written] ?? written
            if known.contains(name) {
                if let equals, !["true", "1", "t"].contains(body[body.index(after: equals)...]) {
                    self.switches.remove(name)
                } else {
                    self.switches.insert(name)
                }
            } else if valued.contains(name) {
                if let equals {
                    values[name, default: []].append(String(body[body.index(after: equals)...]))
                } else {
                    guard index < arguments.count else { throw CommandFailure("flag needs an argument: \(argument)") }
                    values[name, default: []].append(arguments[index])
                    index += 1
                }
            } else {
                throw CommandFailure("flag provided but not defined: \(argument) (of `\(verb)`)")
            }
        }
    }

    func has(_ name: String) -> Bool { switches.contains(name) }

    func value(_ name: String) -> String? { values[name]?.last }

    func list(_ name: String) -> [String] { values[name] ?? [] }

    /// A whole number in the range of the type, digits only.
    func number<Number: FixedWidthInteger>(_ name: String, _ type: Number.Type) throws -> Number? {
        guard let text = value(name) else { return nil }
        return try Self.number(text, type, name)
    }

    static func number<Number: FixedWidthInteger>(_ text: String, _ type: Number.Type, _ name: String) throws -> Number {
        let digits = text.hasPrefix("-") && Number.isSigned ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Number(text) else {
            throw CommandFailure("\(name): \"\(text)\" is no number in range")
        }
        return number
    }
}
