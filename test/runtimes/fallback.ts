// Prints which engine is chosen where nobody chooses, and that it parses; for engines without SIMD.

import { loadCore } from "../../src/core/core.ts";
import { Parser } from "../../src/core/parser.ts";
import { latin1 } from "../core/engines.ts";

const parser = new Parser();
const result = parser.requestReader().push(latin1("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
globalThis.console.log(`${loadCore().engine} ${parser.engine} ${result.status}`);
