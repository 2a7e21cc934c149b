import { useEffect } from "preact/hooks";
import { Reconnecting } from "../components/reconnecting";
import { OwnDesktopPage } from "../pages/desktop";
import { HomePage } from "../pages/home";
import { InsecurePage } from "../pages/insecure";
import { NotFoundPage } from "../pages/not-found";
import { RecordingPage, RecordingsPage } from "../pages/recordings";
import { SharePage } from "../pages/share";
import { SignInPage } from "../pages/sign-in";
import { Splash } from "../pages/splash";
import { type App, AppContext } from "./context";
import { useStore } from "./store";

export function Application({ app }: { app: App }) {
    return (
        <AppContext.Provider value={app}>
            {isSecureContext ? <Entrance app={app} /> : <InsecurePage />}
        </AppContext.Provider>
    );
}

/** A link needs no sign-in, and must not end one. */
function Entrance({ app }: { app: App }) {
    const route = useStore(app.router.route);
    return route.page === "share" ? <SharePage /> : <Pages app={app} />;
}

function Pages({ app }: { app: App }) {
    const { client, router } = app;
    const auth = useStore(client.auth.state);
    const route = useStore(router.route);
    const waiting = useStore(client.waiting);

    useEffect(() => {
        const life = new AbortController();
        // A refused refresh leaves "signed-out" behind, which is all there is to know.
        client.resume(life.signal).catch(() => {
            if (!life.signal.aborted && client.auth.state.get().status === "unknown") {
                client.auth.forget();
            }
        });
        return () => life.abort();
    }, [client]);

    useEffect(() => {
        if (auth.status === "signed-out") {
            router.askForSignIn();
        } else if (auth.status === "signed-in" && route.page === "sign-in") {
            router.afterSignIn();
        }
    }, [auth.status, route.page]);

    return (
        <>
            {waiting > 0 && <Reconnecting />}
            {page()}
        </>
    );

    function page() {
        if (auth.status === "unknown") {
            return <Splash />;
        }
        if (auth.status === "signed-out") {
            return <SignInPage />;
        }
        switch (route.page) {
            case "home":
                return <HomePage user={auth.user} />;
            case "desktop":
                return <OwnDesktopPage key={route.id} id={route.id} />;
            case "recordings":
                return <RecordingsPage />;
            case "recording":
                return <RecordingPage key={route.id} id={route.id} />;
            case "share":
                return <Splash />;
            case "sign-in":
                return <Splash />;
            case "not-found":
                return <NotFoundPage />;
        }
    }
}
