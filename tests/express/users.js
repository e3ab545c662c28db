// The model of the Express service, with the real packages: `node users.js MONGODB_URI STEP < input.json > output.json`.
import { readFileSync } from "node:fs";
import bcrypt from "bcrypt";
import mongoose from "mongoose";

const [uri, step] = process.argv.slice(2);
const input = JSON.parse(readFileSync(0, "utf8"));

const schema = new mongoose.Schema({
  name: { type: String, required: true, min: 6, max: 255 },
  email: { type: String, required: true, unique: true, max: 255 },
  password: { type: String, required: true, max: 1024 },
  role: { type: String, enum: ["user", "admin"], default: "user" },
  createdAt: { type: Date, default: Date.now },
});
const User = mongoose.model("User", schema);

const steps = {
  // Register, as the Express service did
  async register() {
    const made = [];
    for (const { name, email, password, role, rounds } of input) {
      const hash = await bcrypt.hash(password, await bcrypt.genSalt(rounds));
      made.push(await new User({ name, email, password: hash, role }).save());
    }
    return made;
  },

  // Sign in, as the Express service did: what it reads of the account, and whether the password is right
  async login() {
    return Promise.all(input.map(async ({ email, password }) => {
      const user = await User.findOne({ email });
      return { user, right: user !== null && await bcrypt.compare(password, user.password) };
    }));
  },

  // Change a name by the whole document, as Mongoose saves it
  async rename() {
    return Promise.all(input.map(async ({ email, name }) => {
      const user = await User.findOne({ email });
      user.name = name;
      return user.save();
    }));
  },
};

await mongoose.connect(uri);
await User.init();
console.log(JSON.stringify(await steps[step]()));
await mongoose.disconnect();
