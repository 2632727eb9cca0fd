// A deadline for what a test awaits, so that a missing event fails the test with its name instead
// of hanging it.

/**
 * Resolves or rejects as `promise` does; rejects after `timeoutMs` with a message that names what
 * was awaited.
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${timeoutMs} ms in vain for ${what}`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
