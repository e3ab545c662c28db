"use client";

export default function Failed() {
  return (
    <>
      <h1>Hello</h1>
      <p role="alert" className="failed">The service can&apos;t be reached.</p>
      <button onClick={() => location.reload()}>Try again</button>
    </>
  );
}
