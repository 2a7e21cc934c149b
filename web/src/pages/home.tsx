import { useState } from "preact/hooks";
import type { Sandbox, User } from "../api/types";
import { useTitle } from "../app/hooks";
import { useNow } from "../app/time";
import { AccountMenu } from "../components/account-menu";
import { Button, PageLink } from "../components/button";
import { EmptyState } from "../components/empty-state";
import { EndedList } from "../components/ended-list";
import { Logo } from "../components/icon";
import { Message } from "../components/message";
import { NetworkDialog } from "../components/network-dialog";
import { SandboxCard } from "../components/sandbox-card";
import { StartDesktop } from "../components/start-desktop";
import { StopDialog } from "../components/stop-dialog";
import { useSandboxes } from "./use-sandboxes";
import "./home.css";

export function HomePage({ user }: { user: User }) {
    const { active, ended, error, more, refresh } = useSandboxes();
    const [stopping, setStopping] = useState<string | null>(null);
    const [connecting, setConnecting] = useState<Sandbox | null>(null);
    const now = useNow(10_000);
    useTitle("Your desktops");

    return (
        <>
            <header class="home-header">
                <PageLink to="/" class="home-brand" label="sandbox-server, home">
                    <Logo />
                    <span>sandbox-server</span>
                </PageLink>
                <AccountMenu user={user} />
            </header>
            <main class="home">
                <div class="home-top">
                    <div>
                        <h1>Your desktops</h1>
                        <p>Private Linux machines in your browser. Your home directory goes along to each of them.</p>
                    </div>
                    <StartDesktop active={active} limit={user.sandbox_limit} onStarted={refresh} />
                </div>
                {error !== null && (
                    <Message tone="danger" title="The list can't be shown" alert>
                        {error} <Button look="quiet" onClick={refresh}>Try again</Button>
                    </Message>
                )}
                {active === null ? error === null && <Placeholder /> : cards(active)}
                {ended !== null && ended.length > 0 && <EndedList sandboxes={ended} now={now} more={more} />}
            </main>
            {connecting !== null && (
                <NetworkDialog
                    sandbox={connecting}
                    onClose={() => setConnecting(null)}
                    onChanged={() => {
                        setConnecting(null);
                        refresh();
                    }}
                />
            )}
            {stopping !== null && (
                <StopDialog
                    id={stopping}
                    onClose={() => setStopping(null)}
                    onStopped={() => {
                        setStopping(null);
                        refresh();
                    }}
                />
            )}
        </>
    );

    function cards(items: readonly Sandbox[]) {
        if (items.length === 0) {
            return <EmptyState first={ended?.length === 0} />;
        }
        return (
            <ul class="home-cards" aria-label="Active desktops">
                {items.map((sandbox) => (
                    <li key={sandbox.id}>
                        <SandboxCard
                            sandbox={sandbox}
                            now={now}
                            onNetwork={() => setConnecting(sandbox)}
                            onStop={() => setStopping(sandbox.id)}
                        />
                    </li>
                ))}
            </ul>
        );
    }
}

function Placeholder() {
    return (
        <div class="home-cards" aria-busy="true">
            <div class="home-placeholder" />
        </div>
    );
}
