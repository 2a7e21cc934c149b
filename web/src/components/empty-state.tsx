import "./empty-state.css";

/** `first`: this user has never had a desktop. */
export function EmptyState({ first }: { first: boolean }) {
    return (
        <section class="empty-state">
            <svg viewBox="0 0 160 104" aria-hidden="true" focusable="false">
                <rect class="empty-screen" x="22" y="8" width="116" height="74" rx="9" />
                <rect class="empty-window" x="36" y="22" width="58" height="40" rx="5" />
                <rect class="empty-window" x="78" y="36" width="46" height="34" rx="5" />
                <path class="empty-prompt" d="m45 35 6 5-6 5M56 46h10" />
                <path class="empty-foot" d="M62 96h36M80 82v14" />
            </svg>
            <h2>{first ? "Start your first desktop" : "No desktop is running"}</h2>
            <p>
                A desktop is ready in about a second: a terminal, a browser, your own files. Nothing in it can reach the
                machine around it, and it ends by itself when no one uses it.
            </p>
        </section>
    );
}
