/** Description of this topic in the help. */
export default 'The URLs that the server sends events to.';
