import { useEffect, useId, useState } from "preact/hooks";
import { describe } from "../api/problem";
import type { Access, NewShare, Share } from "../api/shares";
import { useApp } from "../app/context";
import { shortDuration, useNow } from "../app/time";
import type { Sharing, Viewer } from "../stream/notice";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Message } from "./message";
import "./share-dialog.css";

interface Props {
    id: string;
    viewers: readonly Viewer[];
    sharing: Sharing;
    onClose: () => void;
}

const LIVES: readonly [number, string][] = [
    [3_600, "1 hour"],
    [86_400, "1 day"],
    [604_800, "7 days"],
];

const RIGHTS: Readonly<Record<Access, string>> = { view: "May watch", control: "May control" };

/** Who watches a desktop, and the links by which people without an account get in. */
export function ShareDialog({ id, viewers, sharing, onClose }: Props) {
    const { client } = useApp();
    const [shares, setShares] = useState<readonly Share[] | null>(null);
    const [fresh, setFresh] = useState<NewShare | null>(null);
    const [error, setError] = useState<string | null>(null);
    const now = useNow(10_000);

    useEffect(() => {
        const life = new AbortController();
        client.shares(id, life.signal).then(({ items }) => setShares(items), (failure) => {
            if (!life.signal.aborted) {
                setError(describe(failure));
            }
        });
        return () => life.abort();
    }, [client, id]);

    const act = async (action: () => Promise<void>) => {
        setError(null);
        try {
            await action();
        } catch (failure) {
            setError(describe(failure));
        }
    };
    const setAccess = (share: string, access: Access) =>
        act(async () => {
            const changed = await client.changeShare(id, share, access);
            setShares((known) => known?.map((other) => (other.id === share ? changed : other)) ?? null);
        });
    const revoke = (share: string) =>
        act(async () => {
            await client.revokeShare(id, share);
            setShares((known) => known?.filter((other) => other.id !== share) ?? null);
            setFresh((known) => (known?.id === share ? null : known));
        });

    return (
        <Dialog title="Share this desktop" onClose={onClose}>
            <h3 class="share-heading">Watching now</h3>
            <ul class="share-list" aria-label="Watching now">
                {viewers.map((viewer) => (
                    <li key={viewer.id} class="share-row">
                        <span class="share-name">
                            <strong>{nameOf(viewer)}</strong>
                            <span class="share-hint">
                                {RIGHTS[viewer.access]}
                                {viewer.since !== null && `, ${sinceText((now - viewer.since) / 1000)}`}
                            </span>
                        </span>
                        {viewer.guest && (sharing === "control" || viewer.access === "control") && (
                            <Button look="quiet" onClick={() => void setAccess(viewer.share, viewer.access === "view" ? "control" : "view")}>
                                {viewer.access === "view" ? "Give control" : "Take control"}
                            </Button>
                        )}
                        {!viewer.you && (
                            <Button
                                look="quiet-danger"
                                aria-label={`End the view of ${nameOf(viewer)}`}
                                onClick={() => void act(() => client.endViewer(id, viewer.id))}
                            >
                                End
                            </Button>
                        )}
                    </li>
                ))}
            </ul>
            <h3 class="share-heading">Links</h3>
            {shares !== null && shares.length > 0 && (
                <ul class="share-list" aria-label="Links">
                    {shares.map((share) => (
                        <li key={share.id} class="share-row">
                            <span class="share-name">
                                <strong>{share.label || "Link without a name"}</strong>
                                <span class="share-hint">
                                    {RIGHTS[share.access]}, ends in {shortDuration((Date.parse(share.expires_at) - now) / 1000)}
                                </span>
                            </span>
                            <Button
                                look="quiet-danger"
                                aria-label={`Revoke ${share.label || "the link without a name"}`}
                                onClick={() => void revoke(share.id)}
                            >
                                Revoke
                            </Button>
                        </li>
                    ))}
                </ul>
            )}
            {fresh !== null && <FreshLink link={location.origin + fresh.path} />}
            {sharing === "off" ? <p class="share-refused">Desktops of this kind are not shared by links.</p> : (
                <NewLink
                    control={sharing === "control"}
                    onCreate={(wish) => act(async () => {
                        const made = await client.createShare(id, wish);
                        setFresh(made);
                        setShares((known) => [...(known ?? []), made]);
                    })}
                />
            )}
            {error !== null && <Message tone="danger" alert>{error}</Message>}
            <div class="dialog-actions">
                <Button onClick={onClose}>Close</Button>
            </div>
        </Dialog>
    );
}

function sinceText(seconds: number): string {
    return seconds < 60 ? "just came" : `for ${shortDuration(seconds)}`;
}

function nameOf(viewer: Viewer): string {
    if (viewer.guest) {
        return viewer.label || "Guest";
    }
    return viewer.you ? "You, in this window" : "You, in another window";
}

interface NewLinkProps {
    /** A link may permit control too. */
    control: boolean;
    onCreate: (wish: { access: Access; label: string; expires_in: number }) => Promise<void>;
}

function NewLink({ control, onCreate }: NewLinkProps) {
    const [access, setAccess] = useState<Access>("view");
    const [label, setLabel] = useState("");
    const [life, setLife] = useState(86_400);
    const [busy, setBusy] = useState(false);
    const id = useId();

    const create = async () => {
        setBusy(true);
        await onCreate({ access, label: label.trim(), expires_in: life });
        setLabel("");
        setBusy(false);
    };

    return (
        <form
            class="share-new"
            onSubmit={(event) => {
                event.preventDefault();
                void create();
            }}
        >
            <label class="share-wide" for={`${id}-label`}>
                For whom
                <input
                    id={`${id}-label`}
                    type="text"
                    maxLength={32}
                    placeholder="A name, for you to tell links apart"
                    value={label}
                    onInput={(event) => setLabel(event.currentTarget.value)}
                />
            </label>
            <label for={`${id}-access`}>
                Permits
                <select id={`${id}-access`} value={access} onChange={(event) => setAccess(event.currentTarget.value as Access)}>
                    <option value="view">Watching</option>
                    {control && <option value="control">Watching and control</option>}
                </select>
            </label>
            <label for={`${id}-life`}>
                Ends after
                <select id={`${id}-life`} value={life} onChange={(event) => setLife(Number(event.currentTarget.value))}>
                    {LIVES.map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
                </select>
            </label>
            <Button look="primary" type="submit" busy={busy}>Create link</Button>
        </form>
    );
}

function FreshLink({ link }: { link: string }) {
    const [copied, setCopied] = useState(false);
    const id = useId();

    const copy = async () => {
        try {
            await navigator.clipboard.writeText(link);
            setCopied(true);
        } catch {
            document.querySelector<HTMLInputElement>(`#${CSS.escape(id)}`)?.select();
        }
    };

    return (
        <div class="share-fresh">
            <label for={id}>Whoever has this link gets in. It is shown this once.</label>
            <div class="share-copy">
                <input id={id} type="text" readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
                <Button look="primary" onClick={() => void copy()}>{copied ? "Copied" : "Copy link"}</Button>
            </div>
        </div>
    );
}
