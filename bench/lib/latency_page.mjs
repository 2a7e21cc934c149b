// Runs in the page, before its scripts: the time from a key event to the first draw on the visible canvas. Nothing else on the screen moves.
// The same code measures every web client: it wraps the 2d context's draw calls and knows nothing of the client.

export function installLatencyProbe() {
  const state = { pressed: null, samples: [] };
  Object.defineProperty(window, 'latencySamples', { get: () => state.samples });
  window.addEventListener('keydown', () => { state.pressed ??= performance.now(); }, { capture: true });

  const visible = (canvas) => canvas.isConnected && canvas.getBoundingClientRect().width > 0;
  const wrap = (name, rectangleOf) => {
    const original = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...args) {
      if (state.pressed === null || !visible(this.canvas)) return original.apply(this, args);
      original.apply(this, args);
      const drawn = performance.now();
      const { width, height } = rectangleOf(args);
      if (width < 1 || height < 1) return undefined;
      state.samples.push(drawn - state.pressed);
      state.pressed = null;
      return undefined;
    };
  };
  wrap('putImageData', ([image]) => ({ width: image.width, height: image.height }));
  wrap('drawImage', ([source, ...rest]) =>
    rest.length >= 8 ? { width: rest[6], height: rest[7] }
      : rest.length >= 4 ? { width: rest[2], height: rest[3] }
        : { width: source.displayWidth ?? source.width, height: source.displayHeight ?? source.height });
}
