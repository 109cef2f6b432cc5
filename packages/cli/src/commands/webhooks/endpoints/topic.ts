/** What the help says of this topic. */
export default 'Where the server sends events.';
