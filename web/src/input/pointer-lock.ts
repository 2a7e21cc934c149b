import { Store } from "../app/store";

/** The pointer is held by the canvas and reports motion alone: for games and 3D programs. */
export class PointerLock {
    readonly locked = new Store(false);
    private readonly listeners = new AbortController();

    constructor(private readonly canvas: HTMLCanvasElement) {
        const { signal } = this.listeners;
        document.addEventListener("pointerlockchange", () => {
            this.locked.set(document.pointerLockElement === canvas);
        }, { signal });
    }

    async toggle(): Promise<void> {
        if (this.locked.get()) {
            this.end();
            return;
        }
        try {
            // The desktop's programs have their own acceleration. Older browsers return nothing, or know no options.
            await (this.canvas.requestPointerLock({ unadjustedMovement: true }) as Promise<void> | undefined);
        } catch {
            try {
                await (this.canvas.requestPointerLock() as Promise<void> | undefined);
            } catch {
                // The browser or its user said no: the pointer stays as it is.
            }
        }
    }

    end(): void {
        if (document.pointerLockElement === this.canvas) {
            document.exitPointerLock();
        }
    }

    close(): void {
        this.end();
        this.listeners.abort();
    }
}
