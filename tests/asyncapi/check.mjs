// Parses the AsyncAPI document of standard input; prints its messages and what is wrong as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const ERROR = 0, WARNING = 1; // severities of diagnostics
const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const wrong = diagnostics
  .filter((found) => found.severity === ERROR || found.severity === WARNING)
  .map((found) => `${found.path.join("/")}: ${found.message}`);
const messages = document ? document.messages().all().map((each) => each.name()) : [];
console.log(JSON.stringify({ wrong, messages }));
