// Owns which parts belong to one representation: those that share a strong validator (RFC 9111
// section 3.4, RFC 9110 sections 8.8.1 and 15.3.7.3). Pure.

import { matchesStrongly, parseEntityTag } from "../../http/conditional.ts";
import type { StoredMetadata } from "./metadata.ts";

type Validated = Pick<StoredMetadata, "etag" | "lastModified" | "lastModifiedMs" | "dateMs">;

/** The value for If-Range that asks for more of the same; undefined without a strong validator. */
export function strongValidator(metadata: Validated): string | undefined {
  if (metadata.etag !== "") {
    return parseEntityTag(metadata.etag)?.weak === false ? metadata.etag : undefined;
  }
  return hasStrongDate(metadata) ? metadata.lastModified : undefined;
}

/** Both are of one representation. A weak validator never says so. */
export function shareStrongValidator(left: Validated, right: Validated): boolean {
  if (left.etag !== "" || right.etag !== "") return matchesStrongly(left.etag, right.etag);
  const areEqual = left.lastModifiedMs === right.lastModifiedMs;
  return areEqual && hasStrongDate(left) && hasStrongDate(right);
}

/** Both have validators, and these say that they are of different representations. */
export function contradict(left: Validated, right: Validated): boolean {
  if (left.etag !== "" && right.etag !== "") return left.etag !== right.etag;
  const bothDated = left.lastModified !== "" && right.lastModified !== "";
  return bothDated && left.lastModifiedMs !== right.lastModifiedMs;
}

/**
 * The representation had not changed for a minute when it was sent, so that it could not change
 * twice within the second that the date tells (RFC 9110 section 8.8.2.2).
 */
function hasStrongDate({ lastModifiedMs, dateMs }: Validated): boolean {
  return dateMs - lastModifiedMs >= 60_000;
}
