import {AuthProvider} from "authsvc/react";
import {StrictMode} from "react";
import {createRoot} from "react-dom/client";
import {App} from "./App";
import {auth} from "./auth";
import "./style.css";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <AuthProvider client={auth}>
      <App />
    </AuthProvider>
  </StrictMode>,
);
