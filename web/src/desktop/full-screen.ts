/** The Keyboard Lock API, which only some browsers have: in full screen even Escape and Alt+Tab reach the page. */
interface LockableKeyboard {
    lock(): Promise<void>;
    unlock(): void;
}

function keyboard(): LockableKeyboard | undefined {
    return (navigator as Navigator & { keyboard?: LockableKeyboard }).keyboard;
}

export async function enterOrLeaveFullScreen(): Promise<void> {
    try {
        if (document.fullscreenElement !== null) {
            keyboard()?.unlock();
            await document.exitFullscreen();
        } else {
            await document.documentElement.requestFullscreen({ navigationUI: "hide" });
            await keyboard()?.lock();
        }
    } catch {
        // The browser or its user said no: the page stays as it is.
    }
}
