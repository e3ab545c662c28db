import "react-native-url-polyfill/auto";
import {isAuthError} from "authsvc";
import {AuthProvider, useAuth} from "authsvc/react";
import {useState} from "react";
import {Pressable, SafeAreaView, StyleSheet, Text, TextInput, View} from "react-native";
import {auth} from "./auth";

const Button = ({title, onPress}) => (
  <Pressable accessibilityRole="button" style={styles.button} onPress={onPress}>
    <Text style={styles.title}>{title}</Text>
  </Pressable>
);

function SignIn() {
  const [fields, setFields] = useState({name: "", email: "", password: "", code: ""});
  const [step, setStep] = useState("sign-in");
  const [said, setSaid] = useState("");
  const set = (name) => (text) => setFields({...fields, [name]: text});
  const {name, email, password, code} = fields;

  async function attempt(work) {
    try {
      setSaid("");
      const answer = await work();
      if (answer.mfaRequired) setStep("code");
      if (answer.verificationRequired) setSaid("Look into your mail: confirm your address, then sign in.");
    } catch (error) {
      if (!isAuthError(error)) throw error;
      setSaid(error.code === "offline" ? "The service can't be reached. Try again." : error.message);
    }
  }

  if (step === "code") {
    return (
      <View>
        <TextInput accessibilityLabel="Code" style={styles.field} value={code} onChangeText={set("code")} />
        <Button title="Continue" onPress={() => attempt(() => auth.completeMfa({code}))} />
        <Text accessibilityRole="alert">{said}</Text>
      </View>
    );
  }
  return (
    <View>
      <TextInput accessibilityLabel="Name, if you are new" placeholder="Name, if you are new" style={styles.field}
        value={name} onChangeText={set("name")} />
      <TextInput accessibilityLabel="Address" placeholder="Address" style={styles.field} value={email}
        onChangeText={set("email")} autoCapitalize="none" inputMode="email" autoComplete="username" />
      <TextInput accessibilityLabel="Password" placeholder="Password" style={styles.field} value={password}
        onChangeText={set("password")} secureTextEntry autoComplete="current-password" />
      <Button title="Sign in" onPress={() => attempt(() => auth.login({email, password}))} />
      <Button title="Sign up" onPress={() => attempt(() => auth.register({name, email, password}))} />
      <Text accessibilityRole="alert">{said}</Text>
    </View>
  );
}

function Home() {
  const {user, error, isLoading} = useAuth();
  const [said, setSaid] = useState("");
  if (isLoading) return <Text>One moment …</Text>;
  if (error) return <Text accessibilityRole="alert">The service can't be reached. Trying again.</Text>;
  if (!user) return <SignIn />;
  return (
    <View>
      <Text accessibilityRole="header">Hello, {user.name ?? user.email}</Text>
      <Button title="Sign out" onPress={() => auth.logout().catch((problem) => setSaid(problem.message))} />
      <Text accessibilityRole="alert">{said}</Text>
    </View>
  );
}

export default function App() {
  return (
    <AuthProvider client={auth}>
      <SafeAreaView style={styles.page}><Home /></SafeAreaView>
    </AuthProvider>
  );
}

const styles = StyleSheet.create({
  page: {flex: 1, padding: 24},
  field: {borderWidth: 1, borderColor: "#8888", borderRadius: 6, padding: 10, marginBottom: 12},
  button: {backgroundColor: "#2457c5", borderRadius: 6, padding: 12, marginBottom: 8},
  title: {color: "#fff", textAlign: "center"},
});
