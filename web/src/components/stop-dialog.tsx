import { useState } from "preact/hooks";
import { describe } from "../api/problem";
import type { Sandbox } from "../api/types";
import { useApp } from "../app/context";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Message } from "./message";

interface Props {
    id: string;
    onClose: () => void;
    onStopped: (sandbox: Sandbox) => void;
}

export function StopDialog({ id, onClose, onStopped }: Props) {
    const { client } = useApp();
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);

    const stop = async () => {
        setBusy(true);
        setError(null);
        try {
            onStopped(await client.stopSandbox(id));
        } catch (failure) {
            setError(describe(failure));
            setBusy(false);
        }
    };

    return (
        <Dialog title="Stop this desktop?" onClose={onClose}>
            <p>
                Every program in it ends and unsaved work is lost. Files in the home directory are kept for the next
                desktop.
            </p>
            {error !== null && <Message tone="danger" alert>{error}</Message>}
            <div class="dialog-actions">
                <Button onClick={onClose} autofocus>Cancel</Button>
                <Button look="danger" busy={busy} onClick={() => void stop()}>Stop desktop</Button>
            </div>
        </Dialog>
    );
}
