// The one client of this app. A storage keeps the refresh token, because there are no cookies to rely on.
import AsyncStorage from "@react-native-async-storage/async-storage";
import {createClient} from "authsvc";

// AsyncStorage is not encrypted. Where there is a keychain, prefer it:
//   import * as SecureStore from "expo-secure-store";
//   const storage = {get: SecureStore.getItemAsync, set: SecureStore.setItemAsync, remove: SecureStore.deleteItemAsync};
const storage = AsyncStorage;

export const auth = createClient({url: process.env.EXPO_PUBLIC_AUTHSVC ?? "http://localhost:8000", storage});
