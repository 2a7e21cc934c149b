import { type Store, useStore } from "../app/store";
import { Button } from "../components/button";
import type { DesktopClipboard } from "./clipboard";
import "./untyped-notice.css";

interface Props {
    /** Characters; 0 takes the notice away. */
    untyped: Store<number>;
    clipboard: DesktopClipboard;
    onClipboard: () => void;
    onClose: () => void;
}

/** What was left out of what somebody typed or pasted, and the way for it. */
export function UntypedNotice({ untyped, clipboard, onClipboard, onClose }: Props) {
    const characters = useStore(untyped);
    const { policy } = useStore(clipboard.state);
    if (characters === 0) {
        return null;
    }
    const what = characters === 1 ? "1 character was" : `${characters.toLocaleString()} characters were`;
    const pastes = policy !== null && policy.toSandbox > 0;
    const close = (then: () => void) => {
        untyped.set(0);
        then();
    };
    return (
        <div class="untyped-notice" role="alert" data-theme="dark">
            <p>
                {what} not typed: it would take too long.{" "}
                {pastes ? "The clipboard takes long texts at once." : "Type the rest once this has arrived."}
            </p>
            {pastes && <Button look="primary" onClick={() => close(onClipboard)}>Open the clipboard</Button>}
            <Button onClick={() => close(onClose)}>Close</Button>
        </div>
    );
}
