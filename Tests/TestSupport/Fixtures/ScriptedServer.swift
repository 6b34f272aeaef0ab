package import NIOCore
package import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on loopback whose answers are bytes: it can lie about lengths, stall, cut the connection and never end.
package final class ScriptedServer: Sendable {
    package struct Request: Sendable {
        package var method: String
        /// With the query.
        package var uri: String
        package var headers: HTTPHeaders
        package var body: [UInt8] = []
        package var path: String { String(uri.prefix { $0 != "?" }) }
    }

    /// An answer and where it goes wrong.
    package struct Answer: Sendable {
        package enum Ending: Sendable {
            /// Complete; the connection stays open.
            case complete
            /// The connection is closed after so many bytes of the body.
            case cut(after: Int)
            /// Nothing more comes after so many bytes of the body; -1 is before the head.
            case stall(after: Int)
            /// The body is repeated until the client has enough.
            case endless
        }

        package var status: Int
        package var headers: [(String, String)]
        package var body: [UInt8]
        package var ending: Ending
        /// What Content-Length says; nil is the truth.
        package var length: Int?
        /// Without Content-Length, in chunks.
        package var isChunked: Bool
        package var delay: TimeAmount
        /// Bytes a second of the body; nil is as fast as it goes.
        package var rate: Int?
        /// Instead of all else.
        package var raw: [UInt8]?

        package init(
            status: Int = 200, headers: [(String, String)] = [], body: [UInt8] = [], ending: Ending = .complete, length: Int? = nil,
            isChunked: Bool = false, delay: TimeAmount = .zero, rate: Int? = nil, raw: [UInt8]? = nil
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.ending = ending
            self.length = length
            self.isChunked = isChunked
            self.delay = delay
            self.rate = rate
            self.raw = raw
        }

        package static func status(_ status: Int, _ headers: [(String, String)] = []) -> Answer { Answer(status: status, headers: headers) }
        package static func redirect(to location: String, _ status: Int = 307) -> Answer { .status(status, [("Location", location)]) }
        package static func json(_ text: String, _ headers: [(String, String)] = []) -> Answer {
            Answer(headers: headers + [("Content-Type", "application/json")], body: Array(text.utf8))
        }
    }

    package let port: Int
    private let channel: any Channel
    private let state: State

    fileprivate final class State: Sendable {
        let requests = Mutex<[Request]>([])
        let handler = Mutex<@Sendable (Request) -> Answer>({ _ in .status(404) })
        let connections = Mutex<[ObjectIdentifier: any Channel]>([:])
    }

    package init() async throws {
        let state = State()
        self.state = state
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                state.connections.withLock { $0[ObjectIdentifier(channel)] = channel }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try channel.pipeline.syncOperations.addHandler(Handler(state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// As it stands in a reference.
    package var address: String { "127.0.0.1:\(port)" }
    package var requests: [Request] { state.requests.withLock { $0 } }
    package func requests(to path: String) -> [Request] { requests.filter { $0.path == path } }

    /// What is asked from now on is answered by `handler`.
    package func answer(_ handler: @escaping @Sendable (Request) -> Answer) { state.handler.withLock { $0 = handler } }

    package func stop() async {
        try? await channel.close()
        for connection in state.connections.withLock({ Array($0.values) }) { try? await connection.close() }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = ByteBuffer
        private let state: State
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []
        private var endless: [UInt8]?
        private var isPouring = false

        init(_ state: State) { self.state = state }

        func channelInactive(context: ChannelHandlerContext) {
            endless = nil
            _ = state.connections.withLock { $0.removeValue(forKey: ObjectIdentifier(context.channel)) }
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body.append(contentsOf: part.readableBytesView)
            case .end:
                guard let head else { return }
                let request = Request(method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body)
                state.requests.withLock { $0.append(request) }
                let answer = state.handler.withLock { $0 }(request)
                if answer.delay == .zero { return send(answer, context) }
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: answer.delay) { bound.value.0.send(answer, bound.value.1) }
            }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if let endless, context.channel.isWritable { pour(endless, context) }
        }

        private func send(_ answer: Answer, _ context: ChannelHandlerContext) {
            if let raw = answer.raw { return write(raw, context) }
            if case .stall(let after) = answer.ending, after < 0 { return }
            var head = "HTTP/1.1 \(answer.status) Scripted\r\n"
            for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
            if answer.isChunked {
                head += "Transfer-Encoding: chunked\r\n"
            } else {
                head += "Content-Length: \(answer.length ?? answer.body.count)\r\n"
            }
            write(Array((head + "\r\n").utf8), context)
            switch answer.ending {
            case .complete where answer.rate != nil: drip(answer.body[...], answer.rate ?? 0, context)
            case .cut(let after) where answer.rate != nil: drip(answer.body.prefix(after), answer.rate ?? 0, thenCloses: true, context)
            case .complete:
                writeBody(answer.body, answer.isChunked, context)
                if answer.isChunked { write(Array("0\r\n\r\n".utf8), context) }
            case .cut(let after):
                writeBody(Array(answer.body.prefix(after)), answer.isChunked, context)
                // Behind what has been written, not instead of it.
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                let written = context.eventLoop.makePromise(of: Void.self)
                written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
            case .stall(let after): writeBody(Array(answer.body.prefix(after)), answer.isChunked, context)
            case .endless:
                endless = answer.body
                pour(answer.body, context)
            }
        }

        /// Piece after piece, a hundred a second.
        private func drip(_ rest: ArraySlice<UInt8>, _ rate: Int, thenCloses: Bool = false, _ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            if rest.isEmpty {
                // The client has read everything by then: what it had not, it would lose.
                if thenCloses { context.eventLoop.scheduleTask(in: .milliseconds(100)) { bound.value.1.close(promise: nil) } }
                return
            }
            write(Array(rest.prefix(rate / 100)), context)
            let left = rest.dropFirst(rate / 100)
            context.eventLoop.scheduleTask(in: .milliseconds(10)) {
                bound.value.0.drip(left, rate, thenCloses: thenCloses, bound.value.1)
            }
        }

        private func pour(_ body: [UInt8], _ context: ChannelHandlerContext) {
            // A write that is flushed at once makes the channel writable again from inside.
            if isPouring { return }
            isPouring = true
            defer { isPouring = false }
            for _ in 0..<64 where context.channel.isActive && context.channel.isWritable { writeBody(body, true, context) }
            // Other connections of this loop want their turn.
            if context.channel.isActive, context.channel.isWritable {
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.execute { bound.value.0.pour(body, bound.value.1) }
            }
        }

        private func writeBody(_ bytes: [UInt8], _ isChunked: Bool, _ context: ChannelHandlerContext) {
            if bytes.isEmpty { return }
            if isChunked { write(Array((String(bytes.count, radix: 16) + "\r\n").utf8), context) }
            write(bytes, context)
            if isChunked { write(Array("\r\n".utf8), context) }
        }

        private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        }
    }
}

extension ScriptedServer.Answer {
    /// A file as a server answers that knows Range.
    package static func file(_ bytes: [UInt8], _ request: ScriptedServer.Request, rate: Int? = nil) -> Self {
        var answer = Self(headers: [("Accept-Ranges", "bytes")], body: bytes, rate: rate)
        guard let range = request.range(of: bytes.count) else { return answer }
        answer.status = 206
        answer.headers.append(("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)"))
        answer.body = Array(bytes[range])
        return answer
    }
}

extension ScriptedServer.Request {
    /// The bytes of the Range header; nil without one.
    package func range(of size: Int) -> Range<Int>? {
        guard let header = headers.first(name: "Range"), header.hasPrefix("bytes=") else { return nil }
        let parts = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = Int(parts[0]) else { return nil }
        return start..<(Int(parts[1]).map { $0 + 1 } ?? size)
    }
}
