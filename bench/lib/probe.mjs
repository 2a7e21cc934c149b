// Runs in the page before its scripts, and measures any web client in the same way: it wraps the 2d context's draw calls, fetch and
// WebSocket, and knows nothing of the client. (The stages of our own frames are the one exception: docs/PROTOCOL.md, frame header.)
// window.probe afterwards:
//   samples    one per key press: ms from keydown to {sent, arrived, drawn}, and the frame's stages in µs
//   marks      ms since the click that began it: {post, ticket, open, frame, draw, content}; frame: the first that came
//   region     set by a benchmark: {x, y, width, height} of the canvas where keys show; a key is answered when its pixels change there
//   counters   {received, sent} bytes of WebSocket messages, {draws}, {ticks}: animation frames in which something was drawn

// socketElsewhere: the client's WebSocket lives in a worker; then keys are answered by the first picture, and bytes are not counted.
export function installProbe({ socketElsewhere = false } = {}) {
    const state = { key: null, before: null, frame: null, ticking: false, content: false };
    const probe = {
        samples: [],
        marks: {},
        counters: { received: 0, sent: 0, draws: 0, ticks: 0 },
        region: null,
        clickedAt: 0, // in a page that begins with its navigation: the navigation's start
    };
    window.probe = probe;

    const mark = (name) => (probe.marks[name] ??= performance.now() - probe.clickedAt);

    window.addEventListener(
        "click",
        () => {
            probe.clickedAt = performance.now();
            probe.marks = {};
            state.content = false;
        },
        { capture: true },
    );
    // Without a region the first picture after a key is its answer.
    const regionPixels = (canvas) => {
        const { x, y, width, height } = probe.region;
        return new Uint32Array(canvas.getContext("2d").getImageData(x, y, width, height).data.buffer);
    };
    const largestCanvas = () =>
        [...document.querySelectorAll("canvas")].reduce((one, other) => (other.width > one.width ? other : one));
    const regionChanged = (canvas) => !probe.region || regionPixels(canvas).some((pixel, i) => pixel !== state.before[i]);
    const pressed = () => {
        if (state.key) return;
        if (probe.region) state.before = regionPixels(largestCanvas());
        state.key = { pressed: performance.now() };
    };
    window.addEventListener("keydown", pressed, { capture: true });

    const plainFetch = window.fetch;
    window.fetch = async (path, init) => {
        const response = await plainFetch(path, init);
        if (init?.method === "POST" && path.endsWith("/api/sandboxes")) mark("post");
        if (init?.method === "POST" && path.endsWith("/ticket")) mark("ticket");
        return response;
    };

    const STREAM_KINDS = [2, 3, 4]; // video frame, lossless rectangle, copy rectangle
    const stages = (data) => {
        const view = new DataView(data);
        return { kind: view.getUint8(0), waited: view.getUint32(20, true), converted: view.getUint32(24, true), encoded: view.getUint32(28, true) };
    };
    const received = (socket, data) => {
        if (!(data instanceof ArrayBuffer)) {
            probe.counters.received += data.length ?? data.size;
            return;
        }
        probe.counters.received += data.byteLength;
        const ours = socket.protocol === "sandbox.desktop.v1";
        if (ours && !STREAM_KINDS.includes(new Uint8Array(data)[0])) return;
        mark("frame");
        state.frame = { arrived: performance.now(), stages: ours ? stages(data) : null };
    };
    // No subclass: noVNC looks for the methods on the prototype itself.
    window.WebSocket = new Proxy(window.WebSocket, {
        construct(target, args, constructor) {
            const socket = Reflect.construct(target, args, constructor);
            socket.addEventListener("open", () => mark("open"));
            socket.addEventListener("message", ({ data }) => received(socket, data));
            return socket;
        },
    });
    const plainSend = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        probe.counters.sent += data.byteLength ?? data.length;
        if (state.key) state.key.sent ??= performance.now();
        plainSend.call(this, data);
    };

    // The background of the desktop is there: these points are not black any more.
    const hasContent = (context) =>
        [0.2, 0.4, 0.8].every((share) => {
            const [red, green, blue] = context.getImageData(context.canvas.width * share, context.canvas.height * 0.1, 1, 1).data;
            return red + green + blue > 0;
        });
    const answered = (key, canvas) => {
        const drawn = performance.now();
        if (!key || !regionChanged(canvas)) return;
        if (!socketElsewhere && (key.sent === undefined || !state.frame || state.frame.arrived < key.sent)) return;
        probe.samples.push({
            sent: key.sent - key.pressed,
            arrived: (state.frame?.arrived ?? drawn) - key.pressed,
            drawn: drawn - key.pressed,
            ...state.frame?.stages,
        });
        state.key = null;
    };
    // Asked for after a draw alone: Chromium holds messages back behind a pending animation frame once a key was pressed.
    const countTick = () => {
        if (state.ticking) return;
        state.ticking = true;
        requestAnimationFrame(() => {
            state.ticking = false;
            probe.counters.ticks++;
        });
    };
    const wrap = (name) => {
        const original = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...args) {
            original.apply(this, args);
            const visible = this.canvas.isConnected && this.canvas.width > 256; // not a scratch canvas, not a pointer's picture
            if (!visible || !(state.frame || socketElsewhere)) return;
            answered(state.key, this.canvas);
            mark("draw");
            probe.counters.draws++;
            countTick();
            if (!state.content && hasContent(this)) {
                state.content = true;
                mark("content");
            }
        };
    };
    wrap("putImageData");
    wrap("drawImage");
}
