import { useState } from "preact/hooks";
import { useStore } from "../app/store";
import { Button } from "../components/button";
import type { DesktopClipboard } from "./clipboard";
import "./clipboard-panel.css";

/** More is cut in the panel, never in what is copied. */
const SHOWN_CHARACTERS = 10_000;

function rule(bytes: number | undefined): string {
    if (bytes === undefined) {
        return "";
    }
    return bytes === 0 ? "off" : `up to ${bytes >= 1 << 20 ? `${bytes >> 20} MiB` : `${bytes >> 10} KiB`}`;
}

/** Both clipboards by hand: where the browser does not let a page read or write its clipboard by itself. */
export function ClipboardPanel({ clipboard, onClose }: { clipboard: DesktopClipboard; onClose: () => void }) {
    const { policy, copied, waits, progress, problem } = useStore(clipboard.state);
    const [text, setText] = useState("");

    const pasted = (event: ClipboardEvent) => {
        const picture = [...(event.clipboardData?.files ?? [])].find((file) => file.type === "image/png");
        if (picture !== undefined) {
            event.preventDefault();
            void clipboard.givePicture(picture);
        }
    };

    return (
        <section
            class="clipboard-panel"
            aria-label="Clipboard"
            data-theme="dark"
            onKeyDown={(event) => event.key === "Escape" && onClose()}
        >
            <h2>From the desktop <small>{rule(policy?.toBrowser)}</small></h2>
            {copied?.type === "png" ? (
                <p class="clipboard-picture">A picture of {Math.ceil(copied.picture.size / 1024)} KiB</p>
            ) : (
                <textarea
                    readOnly
                    rows={4}
                    aria-label="Copied on the desktop"
                    placeholder="What is copied on the desktop shows here."
                    value={copied === null ? "" : copied.text.slice(0, SHOWN_CHARACTERS)}
                />
            )}
            <Button look={waits ? "primary" : "plain"} disabled={copied === null} onClick={() => void clipboard.write()}>
                Copy to this computer
            </Button>
            <h2>To the desktop <small>{rule(policy?.toSandbox)}</small></h2>
            <textarea
                rows={4}
                aria-label="Text for the desktop"
                placeholder="Paste text or a picture here."
                value={text}
                disabled={policy === null || policy.toSandbox === 0}
                onInput={(event) => setText(event.currentTarget.value)}
                onPaste={pasted}
            />
            <Button
                look="primary"
                disabled={text === "" || policy === null || policy.toSandbox === 0}
                onClick={() => {
                    void clipboard.giveText(text);
                    setText("");
                }}
            >
                Put on the desktop's clipboard
            </Button>
            {progress !== null && <progress aria-label="Sent" value={progress} />}
            {problem !== null && <p class="clipboard-problem" role="alert">{problem}</p>}
        </section>
    );
}
