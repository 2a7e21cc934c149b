import type { Store } from "../app/store";
import type { Keyboard } from "../input/keyboard";
import type { PacedSend } from "../input/paced";
import type { PointerLock } from "../input/pointer-lock";
import type { DesktopMicrophone } from "./microphone";
import type { SessionState } from "./session";

export interface Acting {
    paced: Pick<PacedSend, "restart">;
    keyboard: Pick<Keyboard, "release">;
    pointerLock: Pick<PointerLock, "end">;
    microphone: Pick<DesktopMicrophone, "stop">;
}

/**
 * What this window may do can change at any time. What was held or still waited when control went is neither held nor typed when it comes
 * back. Returns what ends it.
 */
export function followRights(state: Store<SessionState>, { paced, keyboard, pointerLock, microphone }: Acting): () => void {
    let known = state.get().access;
    return state.subscribe(() => {
        const { access, permissions } = state.get();
        if (access !== known) {
            known = access;
            if (access !== "control") {
                paced.restart();
            }
            keyboard.release();
            pointerLock.end();
        }
        if (access !== "control" || !permissions.microphone) {
            microphone.stop();
        }
    });
}
