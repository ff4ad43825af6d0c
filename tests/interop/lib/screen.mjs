// What a film shows in a page.

/**
 * Runs inside the page: plays on from this second, or from where the film is, until it has gone on, and says what is on the screen.
 * Brightness is that of the brightest point, from 0 to 765.
 */
export async function playOn(second) {
  const video = document.querySelector('video');
  if (second !== undefined) video.currentTime = second;
  const from = video.currentTime;
  await video.play();
  await new Promise((resolve, reject) => {
    video.addEventListener('error', () => reject(new Error(video.error.message)));
    video.addEventListener('timeupdate', () => video.currentTime > from + 0.5 && resolve());
  });
  const canvas = new OffscreenCanvas(64, 36).getContext('2d');
  canvas.drawImage(video, 0, 0, 64, 36);
  const { data } = canvas.getImageData(0, 0, 64, 36);
  let brightest = 0;
  for (let i = 0; i < data.length; i += 4) brightest = Math.max(brightest, data[i] + data[i + 1] + data[i + 2]);
  return { from, time: video.currentTime, height: video.videoHeight, brightest, sound: video.webkitAudioDecodedByteCount };
}
