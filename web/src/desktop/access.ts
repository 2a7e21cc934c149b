import type { Store } from "../app/store";
import type { Keyboard } from "../input/keyboard";
import type { PacedSend } from "../input/paced";
import type { SessionState } from "./session";

/** What was held or still waited when control went is neither held nor typed when it comes back. Returns what ends it. */
export function followAccess(state: Store<SessionState>, paced: PacedSend, keyboard: Keyboard): () => void {
    let { access } = state.get();
    return state.subscribe(() => {
        if (state.get().access === access) {
            return;
        }
        access = state.get().access;
        if (access !== "control") {
            paced.restart();
        }
        keyboard.release();
    });
}
