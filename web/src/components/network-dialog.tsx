import { useId, useState } from "preact/hooks";
import { destinationOf, linesOf, rulesOf, secretRules } from "../api/network";
import { describe } from "../api/problem";
import type { Network, Sandbox } from "../api/types";
import { useApp } from "../app/context";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Message } from "./message";
import "./network-dialog.css";

interface Props {
    sandbox: Sandbox;
    onClose: () => void;
    onChanged: () => void;
}

/** What a running desktop may reach: nothing, or the hosts of a list. */
export function NetworkDialog({ sandbox, onClose, onChanged }: Props) {
    const { client } = useApp();
    const [mode, setMode] = useState(sandbox.network.mode);
    const [text, setText] = useState(linesOf(sandbox.network));
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);
    const id = useId();
    const secrets = secretRules(sandbox.network);
    const rules = rulesOf(text);

    const choice = (value: Network["mode"], title: string, hint: string) => (
        <label class="network-choice">
            <input type="radio" name={id} checked={mode === value} onChange={() => setMode(value)} />
            <span>
                <strong>{title}</strong>
                <span class="network-hint">{hint}</span>
            </span>
        </label>
    );

    const save = async () => {
        setBusy(true);
        setError(null);
        try {
            await client.setNetwork(sandbox.id, mode === "none" ? { mode, rules: [] } : { mode, rules });
            onChanged();
        } catch (failure) {
            setError(describe(failure));
            setBusy(false);
        }
    };

    return (
        <Dialog title="Network of this desktop" onClose={onClose}>
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    void save();
                }}
            >
                <fieldset class="network-choices">
                    <legend class="visually-hidden">What programs may reach</legend>
                    {choice("none", "No network", "Programs inside reach nothing.")}
                    {choice("allow", "Only these hosts", "Everything else is refused. Changes hold at once.")}
                </fieldset>
                {mode === "allow" && (
                    <div class="network-rules">
                        <label for={`${id}-rules`}>One host in each line</label>
                        <textarea
                            id={`${id}-rules`}
                            rows={5}
                            spellcheck={false}
                            autocapitalize="off"
                            placeholder={"example.org\n*.example.org:443"}
                            aria-describedby={`${id}-help`}
                            value={text}
                            onInput={(event) => setText(event.currentTarget.value)}
                        />
                        <span id={`${id}-help`} class="network-hint">
                            A domain, *. and a domain, an address or a network; then perhaps a colon and ports.
                        </span>
                    </div>
                )}
                {secrets.length > 0 && (
                    <Message tone="warning">
                        {`A secret header is added to requests to ${secrets.map(destinationOf).join(", ")}. Its value `
                            + "can't be read, so saving here takes that rule away."}
                    </Message>
                )}
                {error !== null && <Message tone="danger" alert>{error}</Message>}
                <div class="dialog-actions">
                    <Button onClick={onClose}>Cancel</Button>
                    <Button look="primary" type="submit" busy={busy} disabled={mode === "allow" && rules.length === 0}>
                        Save
                    </Button>
                </div>
            </form>
        </Dialog>
    );
}
