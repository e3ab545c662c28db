// React: who is signed in, as state. No JSX, so that any tool can read it.

import {createContext, createElement, useContext, useSyncExternalStore} from "react";

const Context = createContext(null);

/** Give a client to the components below. `initialUser` is who the server says is signed in, for its first picture. */
export function AuthProvider({client, initialUser, children}) {
  return createElement(Context.Provider, {value: {client, initialUser}}, children);
}

function useStore(read) {
  const {client, initialUser} = useContext(Context) || {};
  if (!client) throw new Error("There is no <AuthProvider client={…}> above this component.");
  return [useSyncExternalStore(client.subscribe, () => read(client, initialUser), () => read({}, initialUser)), client];
}

const readUser = ({current}, initialUser) => current === undefined ? initialUser : current;
const readError = ({error}) => error;

/** The user, null if nobody is signed in, undefined while that is not known. */
export const useUser = () => useStore(readUser)[0];

/** `{user, error, isLoading, client}`; `error` is why it is not known who is signed in. */
export function useAuth() {
  const [user, client] = useStore(readUser);
  const [error] = useStore(readError);
  return {user, error, isLoading: user === undefined && !error, client};
}
